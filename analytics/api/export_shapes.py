"""Shapes of exports, cuts and rows, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema_serializer
from rest_framework import serializers as s

from analytics.api.schema import IF_NONE_MATCH, NOT_CHANGED
from analytics.export_jobs import ExportState
from analytics.exporting.choices import FORMATS
from analytics.projects import PROFILES


class RecipeRequestShape(s.Serializer[Any]):
    """Which records, and which tables of the profile."""

    cohort = s.CharField(help_text="eligible, treated, or the id of a named cohort")
    tables = s.ListField(
        child=s.CharField(), required=False, help_text="of the profile's codebook; all if absent"
    )


@extend_schema_serializer(component_name="ExportRequest")
class ExportRequestShape(s.Serializer[Any]):
    """An export to make."""

    recipe = RecipeRequestShape()
    cut = s.UUIDField(help_text="id of a data cut")
    profile = s.ChoiceField(list(PROFILES), help_text="the project's")
    formats = s.ListField(child=s.ChoiceField(list(FORMATS)), min_length=1)


class FileShape(s.Serializer[Any]):
    """A file that may be fetched."""

    name = s.CharField()
    format = s.CharField()
    table = s.CharField(help_text="empty for what belongs to no one table")
    media_type = s.CharField()
    sha256 = s.CharField(help_text="also its ETag")
    bytes = s.IntegerField()
    rows = s.IntegerField(allow_null=True)
    href = s.CharField()


@extend_schema_serializer(component_name="Export")
class ExportShape(s.Serializer[Any]):
    """An export of the project."""

    id = s.UUIDField()
    state = s.ChoiceField([state.value for state in ExportState])
    progress = s.IntegerField(help_text="percent")
    profile = s.CharField()
    cut = s.UUIDField()
    recipe = s.DictField()
    recipe_sha256 = s.CharField()
    formats = s.ListField(child=s.CharField())
    requested_at = s.DateTimeField()
    expires_at = s.DateTimeField(allow_null=True)
    manifest = s.CharField(allow_null=True, help_text="its address, while files may be fetched")
    files = FileShape(many=True)


@extend_schema_serializer(component_name="Exports")
class ExportsShape(s.Serializer[Any]):
    """A page of exports."""

    exports = ExportShape(many=True)
    next = s.CharField(allow_null=True, help_text="cursor of the next page")


class CutShape(s.Serializer[Any]):
    """A frozen state of the registry."""

    id = s.UUIDField()
    name = s.CharField()
    cutoff = s.DateField()
    rule_set = s.IntegerField()


@extend_schema_serializer(component_name="Cuts")
class CutsShape(s.Serializer[Any]):
    """Data cuts, newest first."""

    cuts = CutShape(many=True)


@extend_schema_serializer(component_name="Outcomes")
class OutcomesShape(s.Serializer[Any]):
    """A page of de-identified rows of a cut, in the order of their codes."""

    cut = s.UUIDField()
    export = s.UUIDField(help_text="the released export that they are rows of")
    profile = s.CharField()
    rows = s.ListField(child=s.DictField(), help_text="columns as in the codebook, table subjects")
    next = s.CharField(allow_null=True, help_text="cursor of the next page")


@extend_schema_serializer(component_name="Codebook")
class CodebookShape(s.Serializer[Any]):
    """Every column of the project's profile."""

    version = s.IntegerField()
    profile = s.CharField()
    title = s.CharField()
    limits = s.ListField(child=s.CharField())
    tables = s.ListField(child=s.DictField())


EXPORT: Final = OpenApiParameter("export", OpenApiTypes.UUID, OpenApiParameter.PATH)
IF_MATCH: Final = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="ETag of the state that was read: 412 when it is another by now.",
)
RANGE: Final = (
    OpenApiParameter(
        "Range", str, OpenApiParameter.HEADER, description="bytes=FIRST- to go on with a download"
    ),
    OpenApiParameter(
        "If-Range",
        str,
        OpenApiParameter.HEADER,
        description="ETag of the part at hand: the whole file comes when it is another by now",
    ),
    IF_NONE_MATCH,
)
# What a file answers when all is well.
AGREED: Final[dict[int | tuple[int, str], Any]] = {
    (200, "*/*"): OpenApiResponse(OpenApiTypes.BINARY, description="The whole file."),
    (206, "*/*"): OpenApiResponse(OpenApiTypes.BINARY, description="The range asked for."),
    304: NOT_CHANGED,
}
