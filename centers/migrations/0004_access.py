"""Data managers, the settings that say whose identifiers are shown, memberships that end in order."""

from django.db import migrations, models

from centers.database import sql

FUNCTIONS = """
create function centers_identified() returns bigint[] language sql stable parallel safe as $$
    select coalesce(
        string_to_array(nullif(current_setting('registry.identified', true), ''), ',')::bigint[],
        '{}')
$$;
create function centers_revealed() returns bigint[] language sql stable parallel safe as $$
    select coalesce(
        string_to_array(nullif(current_setting('registry.revealed', true), ''), ',')::bigint[],
        '{}')
$$;
"""
ROLES = [
    "coordinator",
    "principal_investigator",
    "monitor",
    "data_manager",
    "investigator",
    "administrator",
]
EVERY_CENTER = ["data_manager", "investigator", "administrator"]


class Migration(migrations.Migration):
    dependencies = [("centers", "0003_seals")]

    operations = [
        sql(FUNCTIONS, "drop function centers_identified; drop function centers_revealed;"),
        migrations.AlterField(
            "membership",
            "role",
            models.CharField(
                max_length=30,
                choices=[(role, role.replace("_", " ")) for role in [*ROLES, "system"]],
            ),
        ),
        migrations.RemoveConstraint("membership", "centers_membership_role"),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                name="centers_membership_role", condition=models.Q(role__in=ROLES)
            ),
        ),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                name="centers_membership_place",
                condition=models.Q(center__isnull=True, role__in=EVERY_CENTER)
                | (models.Q(center__isnull=False) & ~models.Q(role__in=EVERY_CENTER)),
            ),
        ),
        # The day before its start says that a membership never was.
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                name="centers_membership_order",
                condition=models.Q(ends_on__isnull=True)
                | models.Q(
                    ends_on__gte=models.ExpressionWrapper(
                        models.F("starts_on") - models.Value(1), models.DateField()
                    )
                ),
            ),
        ),
    ]
