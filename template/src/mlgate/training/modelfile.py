"""The model file: written so that it can be read without running code, and read only if it is the file we expect.

The rule: skops, with the types that scikit-learn and NumPy need, those in ALLOWED, and those that your own code names
in `src/model/model.py` (`TRUSTED_TYPES = ("package.module.Class",)`, reviewed like any code). What a model file says
about itself is never asked. An estimator that skops can't write needs `MODEL_FORMAT = "joblib"` in the same place;
such a file runs code when it is loaded, is protected by its digest alone, and every report says so.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from mlgate.errors import DataError

# Types that scikit-learn's own estimators hold and skops doesn't know; each was read and runs no code when loaded.
# A partial is judged with what it holds: one of `os.system` is refused for `os.system`.
ALLOWED = (
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",  # boosted trees keep it in a partial where they have categories
)
MAX_BYTES, MAX_MEMBERS = 2 << 30, 100_000
ZIP, SCHEMA = b"PK\x03\x04", "schema.json"
MEND = "train it again with `mlgate train`"
Format = Literal["skops", "joblib"]


def declared() -> tuple[Format, tuple[str, ...]]:
    """Format and further trusted types that `src/model/model.py` declares."""
    module = importlib.import_module("model.model")
    wanted: Format = "joblib" if getattr(module, "MODEL_FORMAT", "skops") == "joblib" else "skops"
    return wanted, tuple(str(name) for name in getattr(module, "TRUSTED_TYPES", ()))


def save(model: Any, folder: Path) -> Path:
    """Write `model.skops` (or `model.joblib`, where declared) into `folder`; the same model gives the same bytes.

    Raises
    ------
    DataError
        If the model holds types outside the allow-list, or skops can't write it.
    """
    wanted, _ = declared()
    if wanted == "joblib":
        import joblib

        path = folder / "model.joblib"
        joblib.dump(model, path)
        return path
    from skops.io import dumps

    try:
        content = _canonical(dumps(model))
    except Exception as error:  # skops calls each object's own __getstate__: anything can come out
        words = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise DataError(f"skops can't write this estimator ({words})", _declare("skops")) from error
    check(content)
    path = folder / "model.skops"
    path.write_bytes(content)
    return path


def load(path: Path, expected_digest: str) -> Any:
    """The model in `path`, if it is the file with `expected_digest` (`sha256:…`) and holds only types that we trust.

    Raises
    ------
    DataError
        If the file is missing, another one, a pickle, or holds a type outside the allow-list; nothing of it ran.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", MEND) from error
    if expected_digest != "sha256:" + hashlib.sha256(content).hexdigest():
        raise DataError(f"{path} is not the model that was expected (digest differs)", MEND)
    wanted, trusted = declared()
    if wanted == "joblib" and path.suffix == ".joblib":
        import joblib

        return joblib.load(io.BytesIO(content))
    check(content, path.name)
    from skops.io import loads

    return loads(content, trusted=[*ALLOWED, *trusted])


def check(content: bytes, name: str = "the model") -> None:
    """Refuse bytes that aren't a skops file of trusted types, without loading any of them."""
    if not content.startswith(ZIP):
        kind = "a pickle, which would run code when loaded" if content[:1] == b"\x80" else "not a skops file"
        raise DataError(f"{name} is {kind}; refused by its first bytes", MEND)
    check_members(content, name)
    from skops.io import get_untrusted_types

    try:
        untrusted = set(get_untrusted_types(data=content)) - set(ALLOWED) - set(declared()[1])
    except Exception as error:  # a malformed or forged schema
        words = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise DataError(f"{name} is not a skops file that can be read ({words})", MEND) from error
    if untrusted:
        names = ", ".join(sorted(untrusted)[:10])
        raise DataError(f"{name} holds types outside the allow-list: {names}", _declare("types"))


def check_members(content: bytes, name: str) -> None:
    """Refuse an archive whose members climb out of it, repeat, or unpack to more than the limits."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{name} is a damaged archive ({error})", MEND) from error
    names = [member.filename for member in members]
    for member in names:
        parts = PurePosixPath(member.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in member or member != parts.as_posix():
            raise DataError(f"{name} has a member that climbs out of it: {member!r}", MEND)
    if len(names) != len(set(names)) or SCHEMA not in names:
        raise DataError(f"{name} is not a skops file: its members repeat or {SCHEMA} is missing", MEND)
    if len(names) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_BYTES:
        raise DataError(f"{name} unpacks to more than {MAX_BYTES:,} bytes or {MAX_MEMBERS:,} members", MEND)


def _declare(what: str) -> str:
    if what == "types":
        return "read their code, then name them in TRUSTED_TYPES in src/model/model.py; or choose another estimator"
    return 'choose another estimator, or set MODEL_FORMAT = "joblib" in src/model/model.py and trust its digest alone'


def _canonical(content: bytes) -> bytes:
    """The same skops file without what differs between runs: memory addresses as ids and names, and the time."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        members = {name: archive.read(name) for name in archive.namelist() if name != SCHEMA}
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    _rename(schema, ids, names, members)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for old, new in names.items():
            archive.writestr(zipfile.ZipInfo(new), members[old], zipfile.ZIP_DEFLATED, 6)
        archive.writestr(zipfile.ZipInfo(SCHEMA), json.dumps(schema), zipfile.ZIP_DEFLATED, 6)
    return stream.getvalue()


def _rename(node: Any, ids: dict[int, int], names: dict[str, str], members: dict[str, bytes]) -> None:
    """Number ids and members in the order in which the schema names them; leaves written in JSON need no id."""
    if isinstance(node, list):
        for child in node:
            _rename(child, ids, names, members)
    if not isinstance(node, dict):
        return
    if node.get("__loader__") == "JsonNode":
        node.pop("__id__", None)
    elif isinstance(node.get("__id__"), int):
        node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
    file = node.get("file")
    if isinstance(file, str) and file in members:
        node["file"] = names.setdefault(file, f"{len(names)}{PurePosixPath(file).suffix}")
    for child in node.values():
        _rename(child, ids, names, members)
