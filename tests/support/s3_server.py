"""A server that speaks the part of S3 that a push uses: signed GET and conditional PUT."""

from __future__ import annotations

from tests.support.dav_server import DavHandler, DavServer, tag

KEY = "AKIDEXAMPLE"
BUCKET = "models"


class S3Server(DavServer):
    """Objects by the last part of their key; requests without a signature are refused."""

    def __init__(self, *, conditions: bool = True) -> None:
        super().__init__(conditions=conditions)
        self.RequestHandlerClass = _S3Handler

    @property
    def environ(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url.removesuffix("/models"),
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "s3cret",
            "AWS_REGION": "us-east-1",
        }


class _S3Handler(DavHandler):
    def is_refused(self) -> bool:
        if super().is_refused():
            return True
        signature = self.headers.get("Authorization", "")
        if signature.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/"):
            return False
        self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        return True

    def answer(self, status: int, data: bytes) -> None:
        if status == 404:
            data = b"<Error><Code>NoSuchKey</Code></Error>"
        self.send_response(200 if status in (201, 204) else status)
        body = self.server.files.get(self.path_of()) if status in (201, 204) else data
        self.send_header("ETag", tag(body or b""))
        self.send_header("Last-Modified", "Fri, 28 Nov 2025 05:00:00 GMT")
        self.send_header("Content-Length", "0" if status in (201, 204) else str(len(data)))
        self.end_headers()
        if status not in (201, 204):
            self.wfile.write(data)
