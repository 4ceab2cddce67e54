module example.com/work/greet

go 1.24
