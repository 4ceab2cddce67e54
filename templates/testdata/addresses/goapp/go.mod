module example.com/addresses

go 1.23.0
