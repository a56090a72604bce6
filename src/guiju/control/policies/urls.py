from django.urls import path

from guiju.control.policies import views

app_name = "policies"
urlpatterns = [
    path("", views.policies, name="list"),
    path("new/", views.new, name="new"),
    path("<slug:name>/", views.edit, name="edit"),
    path("<slug:name>/<int:version>/", views.version, name="version"),
    path("<slug:name>/<int:version>/activate/", views.activate, name="activate"),
]
