#!/bin/sh
# What mlserve is compared with: each peer in an environment of its own, benchmarks/.venv-NAME, with the exact versions of
# benchmarks/pins/NAME.txt. One that has them already is left as it is; one that cannot be installed is named, and `make
# bench` leaves it out. PYTHON is the interpreter that they are made with; the arguments are names.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
uv=$(PATH="$(dirname "$python"):$PATH" command -v uv || true)

install() {
    if [ -n "$uv" ] && "$uv" pip install --quiet --no-deps --python "$1/bin/python" --requirement "$2"; then
        return 0
    fi
    "$python" -m venv "$1"
    "$1/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --requirement "$2"
}

for name in "$@"; do
    pins=benchmarks/pins/$name.txt
    folder=benchmarks/.venv-$name
    [ -f "$folder/.installed" ] && cmp -s "$pins" "$folder/.installed" && continue
    echo "Installing $name into $folder ..."
    rm -rf "$folder"
    if "$python" -m venv --without-pip "$folder" && install "$folder" "$pins"; then
        cp "$pins" "$folder/.installed"
    else
        echo "$name cannot be installed; make bench leaves it out." >&2
    fi
done
