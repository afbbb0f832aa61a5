"""`python -m tests.benchmarks NAME --json`: measures, beside the peer where there is one, and says what was met."""

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

#: Name and what it measures.
BENCHMARKS = {
    "exchange": "10,000 Einträge durch den Austausch, neben PouchDB 9 mit express-pouchdb 4.2",
    "feed": "16 Schreiber mit Pausen: verpasste Änderungen und Verzug, mit Gegenprobe",
    "verify": "10.000 Aufzeichnungen eines Beweispakets prüfen, ganzer Prozess",
    "upload": "1 GiB hochladen, geprüft und dauerhaft, neben @tus/server 2.4.5 und nginx; Speicher bei 16 zugleich",
    "log": "Einträge je Sekunde durch den Nummerierer, Neustart und Beweise bei 1 Mio. Blättern",
}


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("name", nargs="?", choices=BENCHMARKS)
    parser.add_argument("--list", action="store_true", help="names and what they measure")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()
    if arguments.list or arguments.name is None:
        for name, what in BENCHMARKS.items():
            print(f"{name:10} {what}")
        return 0
    before = machine()
    results = importlib.import_module(f"tests.benchmarks.{arguments.name}").run()
    if arguments.json:
        print(json.dumps({"benchmark": arguments.name, "machine": before, "results": results}, ensure_ascii=False))
    else:
        for one in results:
            peer = f"  ({one['peer']}: {one['peer_value']}, Verhältnis {one['ratio']})" if one["peer"] else ""
            met = {True: "erfüllt", False: "VERFEHLT", None: "-"}
            judged = f"Muss {met[one['must_met']]}, Ziel {met[one['goal_met']]}"
            print(f"{one['metric']}: {one['value']} {one['unit']}{peer}  {judged}")
    return 0 if all(one["must_met"] is not False for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
