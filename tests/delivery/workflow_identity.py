"""A certificate authority and a timestamp authority of the tests' own, which say what GitHub's and Sigstore's would.

They sign as a workflow: a short-lived certificate that names repository, workflow, branch and commit, a DSSE envelope,
an RFC 3161 timestamp, all in one Sigstore bundle, stored beside the image as `actions/attest` does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mlgate.image.reference import Reference

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
PAYLOAD = "application/vnd.in-toto+json"
ISSUER = "https://token.actions.githubusercontent.com"
TSA = """\
[tsa]
default_tsa = t
[t]
serial = {0}/serial
signer_cert = {0}/tsa.pem
signer_key = {0}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ordering = yes
ess_cert_id_alg = sha256
"""


class Authority:
    """Issues certificates to workflows and stamps times; `root` is what a verifier has to trust."""

    def __init__(self) -> None:
        self.key, self.stamper = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.certificate = self._issue("ca", self.key, 3650, authority=True)
        self.stamps = self._issue("tsa", self.stamper, 3600, ExtendedKeyUsageOID.TIME_STAMPING)

    def _issue(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        days: float,
        usage: x509.ObjectIdentifier | None = None,
        claims: dict[int, str] | None = None,
        authority: bool = False,
    ) -> x509.Certificate:
        def named(common: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

        start = datetime.now(UTC) - timedelta(minutes=5)
        made = x509.CertificateBuilder(
            issuer_name=x509.Name([*named("ca"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "toy.example")]),
            subject_name=x509.Name([*named(name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "toy.example")]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=start,
            not_valid_after=start + timedelta(days=days),
        ).add_extension(x509.BasicConstraints(authority, None), critical=True)
        bits = [not authority, False, False, False, False, authority, authority, False, False]
        made = made.add_extension(x509.KeyUsage(*bits), critical=True)
        if usage:
            made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=name == "tsa")
        for number, text in (claims or {}).items():
            kind = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")
            made = made.add_extension(x509.UnrecognizedExtension(kind, _utf8(text)), critical=False)
        if claims:
            san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(claims[9])])
            made = made.add_extension(san, critical=True)
        return made.sign(self.key, hashes.SHA256())

    def root(self, path: Path) -> Path:
        """The trusted root as a file, in the form of `gh attestation trusted-root`."""
        valid = {"start": (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}
        subject = {"organization": "toy.example", "commonName": "ca"}

        def chain(*certificates: x509.Certificate) -> dict[str, Any]:
            return {"certificates": [{"rawBytes": _der(certificate)} for certificate in certificates]}

        said = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [],
            "ctlogs": [],
            "certificateAuthorities": [
                {"subject": subject, "uri": "ca", "certChain": chain(self.certificate), "validFor": valid}
            ],
            "timestampAuthorities": [
                {"subject": subject, "uri": "tsa", "certChain": chain(self.stamps, self.certificate), "validFor": valid}
            ],
        }
        path.write_text(json.dumps(said) + "\n")
        return path

    def attest(
        self,
        container: str,
        kind: str,
        predicate: Any,
        commit: str,
        repository: str = "Someone/Models",
        workflow: str = ".github/workflows/deliver.yml",
        ref: str = "refs/heads/main",
        issuer: str = ISSUER,
    ) -> None:
        """Sign a statement about an image as that workflow, and store the bundle in the image's registry."""
        key, source = ec.generate_private_key(ec.SECP256R1()), f"https://github.com/{repository}"
        signer = f"{source}/{workflow}@{ref}"
        claims = {8: issuer, 9: signer, 10: commit, 11: "github-hosted", 12: source, 13: commit, 14: ref, 15: "1",
                  16: source.rpartition("/")[0], 17: "2", 18: signer, 19: commit, 20: "push",
                  21: f"{source}/actions/runs/1/attempts/1", 22: "public"}  # fmt: skip
        certificate = self._issue("workflow", key, 0.02, ExtendedKeyUsageOID.CODE_SIGNING, claims)
        subject = [{"name": "image", "digest": {"sha256": container.rpartition(":")[2]}}]
        statement = json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": subject,
                                "predicateType": kind, "predicate": predicate}).encode()  # fmt: skip
        signed = f"DSSEv1 {len(PAYLOAD)} {PAYLOAD} {len(statement)} ".encode() + statement
        signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
        stamp = {"rfc3161Timestamps": [{"signedTimestamp": _text(self._stamp(signature))}]}
        bundle = {
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "certificate": {"rawBytes": _der(certificate)},
                "timestampVerificationData": stamp,
            },
            "dsseEnvelope": {
                "payload": _text(statement),
                "payloadType": PAYLOAD,
                "signatures": [{"sig": _text(signature)}],
            },
        }
        store(Reference.parse(container), json.dumps(bundle).encode())

    def _stamp(self, content: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            form = (
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )  # fmt: skip
            (folder / "tsa.key").write_bytes(self.stamper.private_bytes(*form))
            (folder / "tsa.pem").write_bytes(self.stamps.public_bytes(serialization.Encoding.PEM))
            (folder / "serial").write_text("01\n")
            (folder / "tsa.cnf").write_text(TSA.format(folder))
            (folder / "content").write_bytes(content)
            for words in (
                ["-query", "-data", "content", "-sha256", "-cert", "-out", "query"],
                ["-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"],
            ):
                done = subprocess.run(["openssl", "ts", *words], cwd=folder, capture_output=True, check=False)
                assert done.returncode == 0, done.stderr
            return (folder / "reply").read_bytes()


def store(image: Reference, bundle: bytes) -> None:
    """Put a bundle beside an image: a manifest whose subject is the image, listed under the tag sha256-…."""
    there = httpx.head(f"{image.url}/manifests/{image.digest}", headers={"accept": f"{MANIFEST}, */*"})
    subject = {"mediaType": there.headers["content-type"], "digest": image.digest,
               "size": int(there.headers["content-length"])}  # fmt: skip
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE, "subject": subject,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", **_blob(image, b"{}")},
        "layers": [{"mediaType": BUNDLE, **_blob(image, bundle)}],
    }).encode()  # fmt: skip
    entry = {"mediaType": MANIFEST, "digest": _digest(manifest), "size": len(manifest), "artifactType": BUNDLE}
    _put(image, entry["digest"], manifest, MANIFEST)
    tag = image.digest.replace(":", "-")
    before = httpx.get(f"{image.url}/manifests/{tag}")
    entries = [*(before.json()["manifests"] if before.is_success else []), entry]
    _put(image, tag, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode(), INDEX)


def _blob(image: Reference, content: bytes) -> dict[str, Any]:
    where = httpx.post(f"{image.url}/blobs/uploads/").headers["location"]
    url = httpx.URL(image.url).join(where)
    httpx.put(url, params={"digest": _digest(content)}, content=content).raise_for_status()
    return {"digest": _digest(content), "size": len(content)}


def _put(image: Reference, version: Any, content: bytes, kind: str) -> None:
    url = f"{image.url}/manifests/{version}"
    httpx.put(url, content=content, headers={"content-type": kind}).raise_for_status()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _der(certificate: x509.Certificate) -> str:
    return _text(certificate.public_bytes(serialization.Encoding.DER))


def _utf8(text: str) -> bytes:
    """A DER UTF8String."""
    content = text.encode()
    return bytes([0x0C, *([len(content)] if len(content) < 128 else [0x81, len(content)])]) + content
