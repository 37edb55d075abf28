"""Floor 4: `python -m edgeconv`, the same as the command `edgeconv`."""

import sys

try:
    from edgeconv_cli.main import main
except ModuleNotFoundError as error:  # an installed command line, and the package of a checkout
    sys.exit(f"error: {error}: the edgeconv in this folder hides the one that is installed; run the command `edgeconv`")

if __name__ == "__main__":
    main()
