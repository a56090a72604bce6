from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("records", "0001_initial")]

    operations = [
        migrations.AddField("checkpoint", "tag", models.BinaryField(default=b"")),
        migrations.AddField("head", "checkpoints", models.BigIntegerField(default=0)),
        migrations.AddField("head", "checkpoint_tag", models.BinaryField(default=b"")),
        migrations.AddField("head", "seal", models.BinaryField(default=b"")),
        migrations.DeleteModel("DrainOffset"),
        migrations.CreateModel(
            name="DrainOffset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("segment", models.CharField(max_length=32, unique=True)),
                ("node", models.CharField(max_length=80)),
                ("worker", models.IntegerField()),
                ("sequence", models.BigIntegerField()),
                ("offset", models.BigIntegerField(default=0)),
                ("left", models.BooleanField(default=False)),
                ("seal", models.BinaryField(default=b"")),
            ],
            options={
                "indexes": [models.Index(fields=["node", "worker", "sequence"], name="records_dra_node_a0cfb4_idx")]
            },
        ),
    ]
