from django.apps import AppConfig


class PollsConfig(AppConfig):
    default_auto_field = "django.db.models.AutoField"
    name = "polls"
