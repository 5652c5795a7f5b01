"""Plays one later day against a running server: each flight is a request, and its real arrival is sent as its actual.

The first actuals go one by one (`PUT …/predictions/{id}/actuals`), the others in bulk (`POST …/actuals`).
"""

import argparse
import json
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
from rich.progress import track

from flight_data import instances, load
from scores import auc, brier

BULK = 200
LABELS = {0.0: "on_time", 1.0: "late"}


class Client:
    """One kept-alive connection to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.prefix = parts.path.rstrip("/") + "/api/v1"
        self.connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=30)

    def send(self, method: str, path: str, body: Any) -> Any:
        """The answer's JSON. Whatever is not a success ends the play and shows the server's own words."""
        text = json.dumps(body)
        try:
            self.connection.request(method, self.prefix + path, text, {"Content-Type": "application/json"})
            response = self.connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as cause:
            raise SystemExit(f"No answer to {method} {path}: {cause}. Is the server running? (make serve)") from None
        if not 200 <= response.status < 300:
            raise SystemExit(f"{method} {path} was answered {response.status}: {answer.decode(errors='replace')}")
        return json.loads(answer) if answer else None


@dataclass
class Day:
    """What was asked on the day and what came back, in the order of the flights."""

    versions: set[int] = field(default_factory=set)
    probabilities: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    actuals: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0


def ask(client: Client, model: str, flights: pd.DataFrame, size: int) -> Day:
    """Predictions for all flights, `size` to a request. The reference is the request's first flight."""
    day = Day()
    rows, keys = instances(flights), flights["flight_key"].tolist()
    outcomes = [LABELS.get(late) for late in flights["late"]]
    started = time.perf_counter()
    for first in track(range(0, len(rows), size), description="Asking"):
        body = {"instances": rows[first : first + size], "reference": keys[first]}
        answer = client.send("POST", f"/models/{model}/predictions", body)
        day.requests += 1
        day.versions.add(answer["version"])
        day.probabilities += [output["probability"] for output in answer["outputs"]]
        day.labels += [output["label"] for output in answer["outputs"]]
        happened = outcomes[first : first + size]
        if any(happened):
            day.actuals.append({"id": answer["id"], "actuals": {"label": happened}})
    day.seconds = time.perf_counter() - started
    return day


def tell(client: Client, model: str, actuals: list[dict[str, Any]], each: int) -> None:
    """What really happened: the first `each` predictions one by one, the others in bulk."""
    for item in track(actuals[:each], description="Actuals, one by one"):
        client.send("PUT", f"/models/{model}/predictions/{item['id']}/actuals", {"actuals": item["actuals"]})
    rest = range(each, len(actuals), BULK)
    for start in track(rest, description="Actuals, in bulk"):
        answer = client.send("POST", f"/models/{model}/actuals", {"actuals": actuals[start : start + BULK]})
        if answer["refused"]:
            refused = [result for result in answer["results"] if not result["stored"]]
            raise SystemExit(f"{len(refused)} actuals were refused, the first so: {refused[0]}")


def summary(day: Day, flights: pd.DataFrame, each: int) -> str:
    arrived = flights["late"].notna().to_numpy()
    outcomes = flights["late"].to_numpy()[arrived]
    probabilities = pd.Series(day.probabilities).to_numpy()[arrived]
    right = sum(label == LABELS.get(late) for label, late in zip(day.labels, flights["late"], strict=True))
    versions = ", ".join(str(version) for version in sorted(day.versions))
    single = min(each, len(day.actuals))
    lines = [
        f"{flights['date'].iloc[0]}, answered by version {versions}",
        f"requests   {day.requests:,} in {day.seconds:.1f} s ({day.requests / day.seconds:,.0f}/s, one connection)",
        f"instances  {len(flights):,}, of which {int(arrived.sum()):,} arrived, {outcomes.mean():.1%} of them late",
        f"actuals    {single} one by one, {len(day.actuals) - single:,} in bulk",
        f"live       AUC {auc(outcomes, probabilities):.3f}, Brier {brier(outcomes, probabilities):.3f},"
        f" label right for {right / arrived.sum():.1%}, mean probability {probabilities.mean():.3f}",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Play a day's flights and their arrivals against a running server.")
    parser.add_argument("--url", default="http://127.0.0.1:6543", help="where the application is (%(default)s)")
    parser.add_argument("--model", default="flight-delay", help="the model's name (%(default)s)")
    parser.add_argument("--day", default="2013-08-01", help="a day of 2013, after June to be fair (%(default)s)")
    parser.add_argument("--limit", type=int, help="at most so many flights of the day")
    parser.add_argument("--batch", type=int, default=1, help="flights to a request (%(default)s)")
    parser.add_argument("--each", type=int, default=25, help="actuals to send one by one (%(default)s)")
    options = parser.parse_args()

    flights = load()
    flights = flights[flights["date"] == options.day].head(options.limit).reset_index(drop=True)
    if flights.empty:
        raise SystemExit(f"No flight left New York on {options.day}: the data has the days of 2013, as 2013-08-01.")
    client = Client(options.url)
    day = ask(client, options.model, flights, options.batch)
    tell(client, options.model, day.actuals, options.each)
    print(summary(day, flights, options.each))


if __name__ == "__main__":
    main()
