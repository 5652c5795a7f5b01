"""What each verb needs, and answers."""

from mlserve.api.operations import Operation

MODELS = {"get": Operation("The models", answer={"type": "object"}, needs="any", lists=True)}
STATUS = {"get": Operation("How the versions are doing", answer={"type": "object"}, needs="any")}
METADATA = {"get": Operation("What a version takes and answers", answer={"type": "object"}, needs="any")}
PREDICT = {"post": Operation("Predict", answer={"type": "object"}, needs="predict")}
EXPLAIN = {"post": Operation("Predict and explain", answer={"type": "object"}, needs="predict")}
NO_OTHER = {"post": Operation("Answered by no model here", answer={"type": "object"}, needs="predict")}
