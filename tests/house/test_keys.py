"""Every key of a scenario says what it means, where it stands."""

import pytest

from mpcsim import plugins
from mpcsim.scenario import keys
from scenarios.families import families

TABLES = {
    "engine": keys.engine_tables(),
    **{name: keys.workload_tables(name) for name in plugins.workloads()},
    **{name: keys.tables_of(family.Choices, "protocol") for name, family in families().items()},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_has_a_meaning(name):
    silent = [
        f"{table.heading} {key.name}" for table in TABLES[name] for key in table.keys if not key.meaning
    ]
    assert silent == [], "give the field a description"


@pytest.mark.parametrize("name", [*plugins.workloads(), "engine"])
def test_every_table_says_what_it_is_for(name):
    assert [table.heading for table in TABLES[name] if table.path and not table.about] == []
