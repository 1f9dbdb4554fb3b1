module github.com/kata-containers/libkatacg/benches/drive

go 1.24
