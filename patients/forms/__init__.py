"""Entry forms made from the data dictionary: reading, checking and showing what people type."""
