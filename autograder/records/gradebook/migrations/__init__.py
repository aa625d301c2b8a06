"""How the tables of a gradebook came to be what they are, step by step; run by Alembic."""
