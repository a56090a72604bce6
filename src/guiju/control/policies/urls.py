from django.urls import path

from guiju.control.policies import views

app_name = "policies"
urlpatterns = [
    path("", views.policies, name="list"),
    path("new/", views.new, name="new"),
    path("<name:name>/", views.edit, name="edit"),
    path("<name:name>/<int:version>/", views.version, name="version"),
    path("<name:name>/<int:version>/activate/", views.activate, name="activate"),
]
