"""Control's database: tables, sessions, migrations."""
