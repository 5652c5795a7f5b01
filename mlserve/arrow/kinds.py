"""Arrow's types, by their numbers in the format's `Type` union."""

from typing import Final

NULL: Final = 1
INT: Final = 2
FLOAT: Final = 3
BINARY: Final = 4
UTF8: Final = 5
BOOL: Final = 6
LIST: Final = 12
FIXED_SIZE_BINARY: Final = 15
FIXED_SIZE_LIST: Final = 16
LARGE_BINARY: Final = 19
LARGE_UTF8: Final = 20
LARGE_LIST: Final = 21
BINARY_VIEW: Final = 23
UTF8_VIEW: Final = 24

# What each is called where a problem names it; those above are read, the others refused.
NAMES: Final = {
    NULL: "null",
    INT: "int",
    FLOAT: "float",
    BINARY: "binary",
    UTF8: "utf8",
    BOOL: "bool",
    7: "decimal",
    8: "date",
    9: "time",
    10: "timestamp",
    11: "interval",
    LIST: "list",
    13: "struct",
    14: "union",
    FIXED_SIZE_BINARY: "fixed_size_binary",
    FIXED_SIZE_LIST: "fixed_size_list",
    17: "map",
    18: "duration",
    LARGE_BINARY: "large_binary",
    LARGE_UTF8: "large_utf8",
    LARGE_LIST: "large_list",
    22: "run_end_encoded",
    BINARY_VIEW: "binary_view",
    UTF8_VIEW: "utf8_view",
    25: "list_view",
    26: "large_list_view",
}
