"""Write down what the job asks to have signed, after the checks that actions/attest makes; nothing is signed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

asked = json.loads(os.environ["ASKED"])
subjects = [asked[f"subject-{key}"] for key in ("path", "digest", "checksums")]
if sum(map(bool, subjects)) != 1:
    raise SystemExit("::error::One of subject-path, subject-digest, or subject-checksums must be provided")
if asked["subject-digest"] and not re.fullmatch("sha256:[0-9a-f]{64}", asked["subject-digest"]):
    raise SystemExit("::error::subject-digest must be in the format sha256:<hex>")
if asked["subject-digest"] and not asked["subject-name"]:
    raise SystemExit("::error::subject-name must be provided when using subject-digest")
if asked["predicate-type"] and not (asked["predicate"] or asked["predicate-path"]):
    raise SystemExit("::error::predicate-type needs predicate or predicate-path")
found = {}
for pattern in filter(None, asked["subject-path"].split("\n")):
    paths = [path for path in Path(os.environ["GITHUB_WORKSPACE"]).glob(pattern.strip()) if path.is_file()]
    found |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
if asked["subject-path"] and not found:
    raise SystemExit(f"::error::Could not find subject at path {asked['subject-path']}")
predicate = asked["predicate"]
if asked["predicate-path"]:
    predicate = Path(os.environ["GITHUB_WORKSPACE"], asked["predicate-path"]).read_text(encoding="utf-8")
job, files = os.environ["GITHUB_JOB"], found
record = {"job": job, "asked": asked, "files": files, "predicate": json.loads(predicate or "null")}
with open(os.environ["STAND_IN_ATTESTED"], "a", encoding="utf-8") as out:
    out.write(json.dumps(record) + "\n")
bundle = Path(os.environ["RUNNER_TEMP"], f"attestation-{os.urandom(4).hex()}.json")
bundle.write_text(json.dumps(record), encoding="utf-8")
with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as out:
    out.write(f"bundle-path={bundle}\nattestation-id=0\nattestation-url=https://github.com/attestations/0\n")
print("written down what was to be signed; this stand-in signs nothing")
