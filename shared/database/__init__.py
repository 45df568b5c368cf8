"""The SQL database: its engine, its tables, and what SQLite and PostgreSQL need to behave alike."""
