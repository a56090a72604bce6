from django.urls import path

from guiju.control.usage import views

app_name = "usage"
urlpatterns = [path("", views.usage, name="usage"), path("csv/", views.download, name="csv")]
