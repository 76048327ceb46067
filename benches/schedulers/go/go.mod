module schedulers

go 1.25
