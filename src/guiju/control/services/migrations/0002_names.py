from django.db import migrations

from guiju.control.names import NameField


class Migration(migrations.Migration):
    dependencies = [("services", "0001_initial")]

    operations = [
        migrations.AlterField("app", "name", NameField(max_length=80, unique=True)),
        migrations.AlterField("service", "name", NameField(max_length=80, unique=True)),
        migrations.AlterField("upstream", "name", NameField(max_length=80, unique=True)),
    ]
