"""Uploaded files: never on a disk in the clear, of one page alone, and no longer than its limit."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any, Final

from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict

from patients.actions.import_jobs import MOST_BYTES

PATH: Final = "/records/imports/new/"
FIELD: Final = "bundle"
# Set on the request when a file was left unread.
TOO_LARGE: Final = "upload_too_large"


class BundleUploadHandler(FileUploadHandler):
    """Keeps the bundle of a signed-in person's upload in memory; skips every other file."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._content: BytesIO | None = None
        self._length = 0

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],  # noqa: N803 - the base class's
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> tuple[QueryDict, MultiValueDict[str, UploadedFile[Any]]] | None:
        """Look at the length before anything is read."""
        self._length = content_length
        return None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Raises SkipFile for a file that nobody asked for, and for a second one."""
        super().new_file(*args, **kwargs)
        request = self.request
        wanted = (
            request is not None
            and request.path == PATH
            and self.field_name == FIELD
            and request.user.is_authenticated
            and self._content is None
        )
        if not wanted:
            raise SkipFile
        # What a browser says it will send; what it sends is counted as well.
        if self._length > MOST_BYTES + (1 << 16):
            self._refuse()
        self._content = BytesIO()

    def _refuse(self) -> None:
        self._content = None
        setattr(self.request, TOO_LARGE, True)
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Keep it. Raises SkipFile beyond the limit."""
        if self._content is None:
            return None
        if start + len(raw_data) > MOST_BYTES:
            self._refuse()
        self._content.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        """The file, in memory."""
        if self._content is None:
            return None
        content = self._content
        content.seek(0)
        return InMemoryUploadedFile(
            content, self.field_name, "bundle", "application/octet-stream", file_size, None
        )
