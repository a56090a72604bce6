from django.urls import path

from guiju.control.policies import views

app_name = "lexicons"
urlpatterns = [
    path("", views.lexicons, name="list"),
    path("import/", views.import_lexicon, name="import"),
    path("mistake/", views.mistake, name="mistake"),
    path("term/", views.term, name="term"),
    path("<name:name>/", views.lexicon, name="item"),
    path("<name:name>/<int:version>/activate/", views.activate_lexicon, name="activate"),
]
