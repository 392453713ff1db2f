"""Whether a request carries a right AWS signature (version 4) for the Host it arrived with."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.e2e.server import Request

KEY, SECRET, REGION = "AKIAEXAMPLE", "not-a-secret", "us-east-1"


def verify(request: Request) -> bool:
    """Return whether the signature is that of `SECRET` over what arrived."""
    claimed = dict(part.strip().split("=", 1) for part in request.header("authorization").partition(" ")[2].split(","))
    signed = {name: request.header(name) for name in claimed["SignedHeaders"].split(";")}
    rebuilt = AWSRequest(request.method, f"http://{request.header('host')}{request.target}", signed, request.body)
    rebuilt.context["timestamp"] = request.header("x-amz-date")
    auth = SigV4Auth(Credentials(KEY, SECRET), "bedrock", REGION)
    text = auth.string_to_sign(rebuilt, auth.canonical_request(rebuilt))
    return bool(auth.signature(text, rebuilt) == claimed["Signature"])
