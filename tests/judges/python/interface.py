"""Lets schemathesis hold a running issuer against the OpenAPI document that it publishes. One job comes as JSON on stdin,
the answer goes as JSON to stdout:

  {"issuer": URL, "folder": FOLDER, "credentials": "CLIENT:SECRET" | null}
    → {"requests": N, "failures": [{"operation": O, "check": C, "told": TEXT}, …], "errors": [TEXT, …]}
"""

import json
import subprocess
import sys
from pathlib import Path

# The same requests in every run, and few enough for two minutes on a busy machine.
BOUNDS = ["--seed", "9068", "--generation-deterministic", "--max-examples", "25", "--no-color",
          "--request-timeout", "30"]


def main(job):
    report = Path(job["folder"]) / "schemathesis.json"
    command = [Path(sys.executable).with_name("st"), "run", job["issuer"] + "/openapi.json", "--checks", "all",
               "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--report", "json",
               "--report-json-path", report, *BOUNDS]
    if job["credentials"]:
        command += ["--auth", job["credentials"]]
    run = subprocess.run(command, capture_output=True, text=True, cwd=job["folder"], check=False)
    try:
        found = json.loads(report.read_text())
    except FileNotFoundError:
        return {"requests": 0, "failures": [], "errors": [run.stdout + run.stderr]}
    failures = [{"operation": operation, "check": failure["type"], "told": run.stdout}
                for failure in found["failures"] for operation in failure["operations"]]
    errors = [json.dumps(error) for error in found["errors"]]
    return {"requests": found["test_cases"]["generated"], "failures": failures,
            "errors": errors if found["complete"] else [*errors, run.stdout]}


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
