"""The console's rooms: one table. A new room is a new folder with urls.py, and one line here.

From the line follow the navigation, the path, the permission that every page of the room asks for, what each role may do
in it, and that Django knows its tables, templates and translations. docs/how-to/add-a-console-room.md shows how.

Read by the settings: nothing of Django may be needed here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Room(NamedTuple):
    """A room of the console."""

    path: str
    """Below /console/."""
    urls: str
    """Module of its paths; the package around it is the room."""
    title: str
    """In English, as the heading of its first page says it: there it is collected for translation."""
    permission: str
    """Shows the room, and opens each of its pages; a view may ask for more."""
    grants: Mapping[str, frozenset[str]] = MappingProxyType({})
    """Role -> permissions of the room's own, beyond the table in people/roles.py."""

    @property
    def package(self) -> str:
        """Where it lives."""
        return self.urls.rpartition(".")[0]


ROOMS: tuple[Room, ...] = (
    Room("", "guiju.control.records.urls_home", "Home", "console.view"),
    Room("exchanges/", "guiju.control.records.urls", "Exchanges", "records.view"),
    Room("services/", "guiju.control.services.urls", "Services", "services.view"),
    Room("detectors/", "guiju.control.services.urls_detectors", "Detectors", "services.view"),
    Room("policies/", "guiju.control.policies.urls", "Policies", "policies.view"),
    Room("lexicons/", "guiju.control.policies.urls_lexicons", "Lexicons", "policies.view"),
    Room(
        "usage/",
        "guiju.control.usage.urls",
        "Usage",
        "usage.view",
        MappingProxyType({"administrator": frozenset({"usage.view"}), "auditor": frozenset({"usage.view"})}),
    ),
    Room("people/", "guiju.control.people.urls", "People", "people.change"),
)
