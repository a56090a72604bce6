from django.urls import path

from guiju.control.records import views

urlpatterns = [path("", views.home, name="home")]
