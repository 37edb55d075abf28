"""The .edge file: writer, reader, digests, and files made to hurt."""
