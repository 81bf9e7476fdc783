# ross_grpc_core: gRPC's C core without TLS, linked statically with all that it needs.
#
# A process with the shared libraries spends most of a short life in the dynamic linker (fifty of them), so the
# archives are taken. Which abseil archives are needed differs between releases: all are offered as one group
# and --gc-sections drops the rest. gRPC is C++ inside: what links it is linked by the C++ compiler, with the C++ runtime
# static too.
#
# The thread sanitizer can leave a library alone only when it is a shared one, so its builds take those.
set(ROSS_GRPC_ARCHIVES)
foreach(name gpr address_sorting upb re2 cares)
  find_library(ROSS_LIB_${name} NAMES lib${name}.a)
  if(ROSS_LIB_${name})
    list(APPEND ROSS_GRPC_ARCHIVES ${ROSS_LIB_${name}})
  endif()
endforeach()
find_library(ROSS_LIB_grpc_unsecure NAMES libgrpc_unsecure.a REQUIRED)
find_path(ROSS_GRPC_INCLUDE grpc/grpc.h REQUIRED)
get_filename_component(dir ${ROSS_LIB_grpc_unsecure} DIRECTORY)
file(GLOB absl ${dir}/libabsl_*.a)

if(ROSS_SANITIZE STREQUAL "thread")
  find_library(ROSS_LIB_grpc_shared NAMES grpc_unsecure REQUIRED)
  find_library(ROSS_LIB_gpr_shared NAMES gpr REQUIRED)
  add_library(ross_grpc_core INTERFACE IMPORTED GLOBAL)
  target_include_directories(ross_grpc_core SYSTEM INTERFACE ${ROSS_GRPC_INCLUDE})
  target_link_libraries(ross_grpc_core INTERFACE ${ROSS_LIB_grpc_shared} ${ROSS_LIB_gpr_shared} Threads::Threads)
  return()
endif()

add_library(ross_grpc_core STATIC IMPORTED GLOBAL)
set_target_properties(ross_grpc_core PROPERTIES
  IMPORTED_LOCATION ${ROSS_LIB_grpc_unsecure}
  IMPORTED_LINK_INTERFACE_LANGUAGES CXX
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${ROSS_GRPC_INCLUDE})
target_link_libraries(ross_grpc_core INTERFACE
  -Wl,--start-group ${ROSS_LIB_grpc_unsecure} ${ROSS_GRPC_ARCHIVES} ${absl} -Wl,--end-group
  z Threads::Threads ${CMAKE_DL_LIBS} m rt -static-libstdc++ -static-libgcc)
