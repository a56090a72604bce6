from django.urls import path

from guiju.control.records import views

app_name = "records"
urlpatterns = [
    path("", views.search, name="search"),
    path("<str:exchange>/", views.item, name="item"),
    path("<str:exchange>/contents/", views.contents, name="contents"),
]
