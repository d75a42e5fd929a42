"""Model fields built from the data dictionary, and the partial date as a field type."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func

from patients.partial_dates import PartialDate
from patients.rules.dictionary import Form

# Columns that the database computes beside each partial date.
PARTS = ("lo", "hi", "point")


class PartialDateField(models.Field):  # type: ignore[type-arg]
    """YYYY[-MM[-DD]] as the domain `partial_date`, with generated columns `_lo`, `_hi`, `_point`.

    Python value: PartialDate or None. The database refuses what is no day of the calendar.
    """

    def db_type(self, connection: Any) -> str:
        """The domain made by the first migration of patients."""
        return "partial_date"

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        """Adds the three generated columns; states of migrations carry their own copies."""
        super().contribute_to_class(cls, name, private_only)
        if cls.__module__ == "__fake__":
            return
        for part in PARTS:
            column: models.GeneratedField = models.GeneratedField(
                expression=Func(F(name), function=f"partial_date_{part}"),
                output_field=models.DateField(),
                db_persist=True,
            )
            column.contribute_to_class(cls, f"{name}_{part}")

    def from_db_value(self, value: str | None, *_: Any) -> PartialDate | None:
        """What the database holds is valid by its domain."""
        return None if value is None else PartialDate.parse(value)

    def to_python(self, value: Any) -> PartialDate | None:
        """A PartialDate from itself or text."""
        if value is None or isinstance(value, PartialDate):
            return value
        return PartialDate.parse(str(value))

    def get_prep_value(self, value: Any) -> str | None:
        """Text for the database."""
        return None if value is None else str(value)


def column(form: Form, name: str) -> Any:
    """The model field of one field of the dictionary; NOT NULL when it is required."""
    spec = form.by_name[name]
    options: dict[str, Any] = {"null": spec.need != "required", "verbose_name": spec.label}
    if spec.kind == "partial_date":
        return PartialDateField(**options)
    if spec.kind == "date":
        return models.DateField(**options)
    if spec.kind == "integer":
        return models.SmallIntegerField(**options)
    if spec.kind == "number":
        return models.DecimalField(max_digits=15, decimal_places=6, **options)
    if spec.kind == "codes":
        return ArrayField(models.TextField(), **options)
    return models.TextField(**options)


def row_constraints(form: Form, table: str) -> list[models.BaseConstraint]:
    """What one row can decide: known codes and ranges, field by field."""
    constraints: list[models.BaseConstraint] = []
    for spec in form.fields:
        if spec.name in NOT_COLUMNS or (form.name, spec.name) == ("cycles", "course_number"):
            continue
        condition: models.Q | None = None
        if spec.kind == "code":
            condition = models.Q(**{f"{spec.name}__in": list(spec.codes)})
        elif spec.kind == "codes":
            condition = models.Q(
                **{f"{spec.name}__contained_by": list(spec.codes), f"{spec.name}__len__gt": 0}
            )
        elif spec.minimum is not None:
            condition = models.Q(
                **{
                    f"{spec.name}__gte": int(spec.minimum),
                    f"{spec.name}__lte": int(spec.maximum or 0),
                }
            )
        elif spec.kind == "text":
            condition = ~models.Q(**{spec.name: ""})
        if condition is not None:
            constraints.append(
                models.CheckConstraint(condition=condition, name=f"{table}_{spec.name}_value")
            )
    return constraints


# Fields of the dictionary that are columns of another table (identity) or another column (status).
NOT_COLUMNS = frozenset({"birth_date", "mrn", "initials", "same_person_as", "status"})
