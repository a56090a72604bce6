from django.db import migrations

from guiju.control.names import NameField


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial")]

    operations = [
        migrations.AlterField("lexicon", "name", NameField(max_length=80, unique=True)),
        migrations.AlterField("policy", "name", NameField(max_length=80, unique=True)),
    ]
