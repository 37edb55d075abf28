"""The importer: functions, branches, sequences."""
