module example.com/server-app

go 1.24
