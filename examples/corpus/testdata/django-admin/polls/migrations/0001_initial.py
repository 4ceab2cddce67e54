from django.db import migrations, models


def first(apps, schema_editor):
    apps.get_model("polls", "Question").objects.create(text="What's new?")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Question",
            fields=[("id", models.AutoField(primary_key=True, serialize=False)), ("text", models.CharField(max_length=200))],
        ),
        migrations.RunPython(first),
    ]
