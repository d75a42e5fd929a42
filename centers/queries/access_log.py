"""Who had access to a center on a day, from what the audit trail says stood on that day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connection

from centers.models import User
from centers.queries.events import ONE_DAY, midnight
from centers.roles import EVERY_CENTER, Role

# Each event of a row is a version of it, in force until the next event of the same row. A day is
# covered by a version that stood at some moment of it; a membership that was ended later, backwards,
# still gave access then. An account that was closed all day gave none.
_SQL: Final = """
with versions as (
    select row_id, after, at, lead(at) over (partition by row_id order by id) as until
    from audit.event where table_name = 'centers_membership'
), accounts as (
    select row_id, after, at, lead(at) over (partition by row_id order by id) as until
    from audit.event where table_name = 'centers_user'
)
select distinct (v.after ->> 'user_id')::bigint, v.after ->> 'role',
    (v.after ->> 'starts_on')::date, v.after ->> 'center_id' is null
from versions v
where v.at < %(end)s and coalesce(v.until > %(start)s, true)
    and ((v.after ->> 'center_id')::bigint = %(center)s
        or (v.after ->> 'center_id' is null and v.after ->> 'role' = any(%(everywhere)s)))
    and (v.after ->> 'starts_on')::date <= %(day)s
    and coalesce((v.after ->> 'ends_on')::date >= %(day)s, true)
    and exists (select from accounts a
        where a.row_id = (v.after ->> 'user_id')::bigint and a.at < %(end)s
            and coalesce(a.until > %(start)s, true) and (a.after ->> 'is_active')::boolean)
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One role of one person on the day."""

    user: User
    role: Role
    since: date
    everywhere: bool


def access_on(center_id: int, day: date) -> list[Access]:
    """Everybody whose role opened the center's records at some moment of the day (UTC)."""
    parameters: dict[str, Any] = {
        "center": center_id,
        "day": day,
        "start": midnight(day),
        "end": midnight(day + ONE_DAY),
        "everywhere": [role.value for role in EVERY_CENTER],
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL, parameters)
        rows = cursor.fetchall()
    users = User.objects.in_bulk([row[0] for row in rows])
    found = [Access(users[row[0]], Role(row[1]), row[2], row[3]) for row in rows]
    return sorted(found, key=lambda access: (access.user.full_name, access.role, access.since))
