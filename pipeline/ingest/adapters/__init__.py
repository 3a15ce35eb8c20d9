"""One module per kind of behaviour log: from the file to a :class:`~.log_table.LogTable`."""
