# Finds a Python that can run the workbench's set-up; sourced by the commands in scripts/.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

workbench() {
    local python
    for python in "$root/.venv/bin/python" python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            exec env PYTHONPATH="$root/scripts" "$python" -m workbench "$@"
        fi
    done
    echo "No Python 3.11 or newer was found. Install one (apt-get install python3) and run again." >&2
    exit 1
}
