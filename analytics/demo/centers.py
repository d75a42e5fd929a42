"""The eleven invented centers of the demo and its accounts. No hospital is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# One password for all demo accounts, printed by seed_demo; a deployment refuses the accounts.
DEMO_PASSWORD: Final = "demo-il2-registry"  # noqa: S105


@dataclass(frozen=True, slots=True)
class DemoCenter:
    """A center, how many of the 100 survivors it has, and the first year it gave HD IL-2."""

    code: str
    name: str
    city: str
    survivors: int
    first_year: int


DEMO_CENTERS: Final = (
    DemoCenter("C01", "Northgate Cancer Institute (synthetic)", "Northgate", 17, 1985),
    DemoCenter("C02", "Lakemoor University Hospital (synthetic)", "Lakemoor", 14, 1985),
    DemoCenter("C03", "Saint Odile Medical Center (synthetic)", "Port Odile", 12, 1988),
    DemoCenter("C04", "Harrow Valley Clinic (synthetic)", "Harrow Valley", 11, 1988),
    DemoCenter("C05", "Easterbrook Hospital (synthetic)", "Easterbrook", 10, 1990),
    DemoCenter("C06", "Pine Ridge Cancer Center (synthetic)", "Pine Ridge", 9, 1991),
    DemoCenter("C07", "Three Rivers University Clinic (synthetic)", "Three Rivers", 8, 1992),
    DemoCenter("C08", "Whitcombe Memorial Hospital (synthetic)", "Whitcombe", 7, 1992),
    DemoCenter("C09", "Delmare Bay Medical Center (synthetic)", "Delmare Bay", 5, 1994),
    DemoCenter("C10", "Cold Spring Oncology (synthetic)", "Cold Spring Falls", 4, 1996),
    DemoCenter("C11", "Ashgrove Regional Hospital (synthetic)", "Ashgrove", 3, 1998),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account, its role by the value of `centers.roles.Role`, and its center ("" = registry)."""

    username: str
    full_name: str
    role: str
    center: str = ""


SITE_ROLES: Final = (
    ("coordinator", "coordinator", "Coordinator"),
    ("pi", "principal_investigator", "Principal investigator"),
    ("monitor", "monitor", "Monitor"),
)


def demo_accounts() -> list[DemoAccount]:
    """Three accounts a center; for the whole registry an investigator, a data manager, an administrator."""
    found = [
        DemoAccount(
            f"{name}-{center.code.lower()}", f"{title} {center.code} (demo)", role, center.code
        )
        for center in DEMO_CENTERS
        for name, role, title in SITE_ROLES
    ]
    found.append(DemoAccount("investigator", "Investigator (demo)", "investigator"))
    found.append(DemoAccount("data-manager", "Data manager (demo)", "data_manager"))
    found.append(DemoAccount("administrator", "Administrator (demo)", "administrator"))
    return found
