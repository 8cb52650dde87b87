"""Which methods of the backend each step calls."""

# Methods of the backend that the steps call.
METHODS = {
    "upload": {"create_bucket", "upload", "find_objects", "remove_others"},
    "train": {"train", "find_objects", "download", "upload"},
    "deploy": {"deploy", "in_service"},
    "invoke": {"invoke"},
    "transform": {"transform", "find_objects", "download", "describe"},
    "cleanup": {"find_resources", "delete"},
}
