#!/bin/sh
# Print the interpreter that environments are made with, and fail if there is none.
#
#   find_python.sh         3.12 or later, else 3.11, with one line about the tests that are skipped then
#   find_python.sh 3.11    that version alone
#
# The first one that can make an environment is taken: python3, python3.13 or python3.12 on PATH, then
# 3.13 or 3.12 among the versions of pyenv, the newest first. Later versions are taken if nothing else is there.
set -u

versions=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions
wanted=${1:-}

# A shim of pyenv fails where its version is not chosen, and Debian ships venv without ensurepip.
probe='import sys, ensurepip, venv
low, high = (tuple(map(int, text.split("."))) for text in sys.argv[1:])
if not low <= sys.version_info[:2] <= high or sys.implementation.name != "cpython":
    sys.exit(1)
print(getattr(sys, "_base_executable", None) or sys.executable)'

suits() {  # suits LOWEST HIGHEST PYTHON...: print the first one that is within these versions
    low=$1 high=$2
    shift 2
    for python in "$@"; do
        found=$("$python" -c "$probe" "$low" "$high" 2> /dev/null) && echo "$found" && return
    done
    return 1
}

of_pyenv() {  # of_pyenv LOWEST HIGHEST: the same for the versions of pyenv, the newest first
    low=$1 high=$2
    for name in $(ls "$versions" 2> /dev/null | grep -E '^3\.[0-9]+\.[0-9]+$' | sort -t . -k 2,2nr -k 3,3nr); do
        suits "$low" "$high" "$versions/$name/bin/python3" && return
    done
    return 1
}

if [ -n "$wanted" ]; then
    suits "$wanted" "$wanted" python3 "python$wanted" || of_pyenv "$wanted" "$wanted"
    exit
fi
suits 3.12 3.99 python3 python3.13 python3.12 && exit
of_pyenv 3.12 3.13 && exit
suits 3.14 3.99 python3.14 && exit
of_pyenv 3.14 3.99 && exit
if suits 3.11 3.11 python3 python3.11 || of_pyenv 3.11 3.11; then
    echo "No CPython 3.12 or later was found: tests of what each test uses (nexus_dependencies) are skipped." >&2
    exit
fi
echo "No CPython 3.11 or later with venv and ensurepip was found; name one with PYTHON=..." >&2
exit 1
