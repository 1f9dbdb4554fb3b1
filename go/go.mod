module github.com/kata-containers/libkatacg/go

go 1.24
