"""Set and Setting: from recordings and behaviour logs to a drug-by-context report."""
