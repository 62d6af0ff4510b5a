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

# ISA-L inflates twice as fast as zlib; without it, the engine does with zlib.
option(PODYN_USE_ISAL "Inflate files with ISA-L where it is found" ON)
if(PODYN_USE_ISAL)
  find_path(ISAL_INCLUDE_DIR isa-l/igzip_lib.h)
  find_library(ISAL_LIBRARY isal)
  if(ISAL_INCLUDE_DIR AND ISAL_LIBRARY)
    target_compile_definitions(podyn_engine PRIVATE PODYN_WITH_ISAL)
    target_include_directories(podyn_engine SYSTEM PRIVATE ${ISAL_INCLUDE_DIR})
    target_link_libraries(podyn_engine PRIVATE ${ISAL_LIBRARY})
  endif()
endif()
