#!/bin/sh
# Environments of what stands beside mlserve: the clients of other servers, and an outsider's plugin. Each has the exact
# versions of tests/neighbours/pins/NAME.txt, in .venv-neighbours/NAME, and where it says so the core of this tree. One that
# has them already is left as it is. PYTHON is the interpreter that they are made with.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
uv=$(PATH="$(dirname "$python"):$PATH" command -v uv || true)

# What an environment is made of: of the core its version and what it asks for, since its code is used from here.
wanted() {
    cat "$1"
    ! grep -q '^--editable' "$1" || cat setup.py mlserve/_version.py plugins/client/setup.py
}

for pins in tests/neighbours/pins/*.txt; do
    name=$(basename "$pins" .txt)
    folder=.venv-neighbours/$name
    [ -f "$folder/.installed" ] && wanted "$pins" | cmp -s - "$folder/.installed" && continue
    echo "Installing $name into $folder ..."
    rm -rf "$folder"
    "$python" -m venv --without-pip "$folder"
    if [ -z "$uv" ] || ! "$uv" pip install --quiet --python "$folder/bin/python" --requirement "$pins"; then
        "$python" -m venv "$folder"
        "$folder/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$pins"
    fi
    wanted "$pins" > "$folder/.installed"
done
