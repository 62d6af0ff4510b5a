# The engine half: a static library that knows nothing of PostgreSQL.
find_package(CURL 7.87 REQUIRED) # since then a cleanup need not wait for the resolver
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_path(RAPIDJSON_INCLUDE_DIR rapidjson/reader.h REQUIRED)

file(GLOB_RECURSE engine_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.cpp)
add_library(podyn_engine STATIC ${engine_sources})
target_include_directories(podyn_engine PUBLIC ${PROJECT_SOURCE_DIR}/src)
target_include_directories(podyn_engine SYSTEM PRIVATE ${RAPIDJSON_INCLUDE_DIR})
target_link_libraries(podyn_engine PUBLIC CURL::libcurl OpenSSL::Crypto ZLIB::ZLIB)
