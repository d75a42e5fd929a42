"""What may be written: the data dictionary, values and edit checks, without any framework."""
